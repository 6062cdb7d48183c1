import { parseQueueUrl } from './queue-location';

describe('a queue URL', () => {
  it.each([
    ['redis://localhost:6379', { engine: 'redis', url: 'redis://localhost:6379' }],
    ['rediss://user:secret@host:1/2', { engine: 'redis', url: 'rediss://user:secret@host:1/2' }],
    ['redis://[::1]:6379/', { engine: 'redis', url: 'redis://[::1]:6379/' }],
    ['embedded:./data', { engine: 'embedded', path: './data' }],
    ['embedded:/var/lib/queue', { engine: 'embedded', path: '/var/lib/queue' }],
    ['embedded:///var/lib/queue', { engine: 'embedded', path: '/var/lib/queue' }],
  ])('%s is understood', (url, location) => {
    expect(parseQueueUrl(url)).toEqual(location);
  });

  it.each([
    '',
    'localhost:6379',
    'http://host',
    'redis://',
    'redis://host:port',
    'redis://h:1/x',
    'embedded:',
  ])('%j is refused', (url) => {
    expect(parseQueueUrl(url)).toBeUndefined();
  });
});
