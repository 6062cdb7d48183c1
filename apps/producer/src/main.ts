import { nodeHost } from '@event-pipeline/runtime';
import { runProducer } from './run-producer';

void runProducer(nodeHost, { stdin: () => process.stdin, stderr: process.stderr });
