// In the images, where there is no curl: prints a page of this container's program and ends with
// code 0 only where the answer was 200. "node page.mjs /livez" is the health check.
import http from 'node:http';
import process from 'node:process';

const LIMIT_MS = 3_000;

const { COLLECTOR_HTTP_PORT, WORKER_HTTP_PORT } = process.env;
const [path = '/readyz'] = process.argv.slice(2);
const port = COLLECTOR_HTTP_PORT || WORKER_HTTP_PORT;

const fail = (problem) => {
  console.error(problem);
  process.exit(1);
};
const timer = setTimeout(() => fail(`no answer within ${LIMIT_MS} ms`), LIMIT_MS);
http
  .get({ host: '127.0.0.1', port, path }, (response) => {
    response.pipe(process.stdout);
    response.on('end', () => {
      clearTimeout(timer);
      process.exitCode = response.statusCode === 200 ? 0 : 1;
    });
  })
  .on('error', (error) => fail(error.message));
