import { nodeHost } from '@event-pipeline/runtime';
import { runQueueCli } from './run-queue-cli';

const { stdin, stdout, stderr } = process;
void runQueueCli(nodeHost, { stdin, stdout, stderr });
