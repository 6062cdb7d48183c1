/** The prefix of a message on the wire: a byte for compression (none) and its length, big-endian. */
const PREFIX_BYTES = 5;

/** The body of a gRPC request: its messages one after the other, each length-prefixed. */
export function grpcBody(messages: readonly Uint8Array[]): Buffer {
  const body = Buffer.alloc(messages.reduce((sum, { length }) => sum + PREFIX_BYTES + length, 0));
  let at = 0;
  for (const message of messages) {
    body.writeUInt32BE(message.length, at + 1);
    body.set(message, at + PREFIX_BYTES);
    at += PREFIX_BYTES + message.length;
  }
  return body;
}
