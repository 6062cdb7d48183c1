// Events that survive a crash of this program: they are on disk until the queue has them.
//
//     node with-spill.cjs localhost:50051 ./spill
const { Publisher } = require('@event-pipeline/publisher');
const { openSpill } = require('@event-pipeline/publisher/spill');

async function main([address = 'localhost:50051', folder = './spill']) {
  const spill = await openSpill({ folder, onDamage: (message) => console.error(message) });
  const publisher = new Publisher({
    collectors: address,
    spill,
    observer: {
      // Nobody else hears of events that an earlier run has left.
      onRecoveredFailed: (events, error) => console.error(`${events} lost: ${error.message}`),
    },
  });

  const acknowledged = publisher.publish({ type: 'order_placed', data: { order: 17 } });
  // From here on, a crash costs nothing: the next start sends the event under the same batch id.
  await publisher.saved();
  console.log('saved');
  await acknowledged;
  console.log('in the queue');

  await publisher.recovered({ timeoutMs: 10_000 });
  await publisher.close();
}

main(process.argv.slice(2)).catch((error) => {
  console.error(error.message);
  process.exitCode = 1;
});
