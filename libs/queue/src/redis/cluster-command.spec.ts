import { ClusterCommand, slotOf } from './cluster-command';

/** A command that was sent once, as ioredis does it. */
function sent() {
  const connection = { destroy: jest.fn() };
  const command = new ClusterCommand('set', ['key', 'value']);
  const answer = command.sentBy((it) => it.toWritable(connection));
  return { command, answer, connection };
}

const reason = new Error('out of time');

describe('a command on its way through a cluster', () => {
  it('that is given up without an answer cuts the connection that owes it', async () => {
    const { command, answer, connection } = sent();
    command.giveUp(reason);
    await expect(answer).rejects.toBe(reason);
    expect(connection.destroy).toHaveBeenCalled();
  });

  it('that is given up after "try again" leaves the connection alone', async () => {
    const connection = { destroy: jest.fn() };
    // What ioredis' Cluster puts here sends it again; it has not done so yet.
    const tryAgain = jest.fn();
    const refused = new ClusterCommand('set', ['key', 'value']);
    const answer = refused.sentBy((it) => {
      it.toWritable(connection);
      it.reject = tryAgain;
    });
    refused.reject(new Error('TRYAGAIN'));
    expect(tryAgain).toHaveBeenCalledWith(refused.lastError);
    refused.giveUp(reason);
    await expect(answer).rejects.toBe(reason);
    expect(connection.destroy).not.toHaveBeenCalled();
  });

  it('that is given up does nothing where it is sent all the same', async () => {
    const { command, answer, connection } = sent();
    command.giveUp(reason);
    await expect(answer).rejects.toBe(reason);
    expect(command.toWritable(connection)).toBe('*1\r\n$4\r\nping\r\n');
  });

  it('knows whether it names a key', () => {
    expect(new ClusterCommand('evalsha', ['sha', 1, 'key', 'argument']).hasKey).toBe(true);
    expect(new ClusterCommand('blpop', ['key', 1]).hasKey).toBe(true);
    for (const name of ['ping', 'role']) expect(new ClusterCommand(name, []).hasKey).toBe(false);
    expect(new ClusterCommand('config', ['get', 'appendonly']).hasKey).toBe(false);
    expect(new ClusterCommand('scan', ['0', 'MATCH', 'key']).hasKey).toBe(false);
  });
});

it('keys with the same braces share a slot', () => {
  expect(slotOf('{queue}:leases')).toBe(slotOf('queue'));
  // From the Redis Cluster specification.
  expect(slotOf('123456789')).toBe(0x31c3);
});
