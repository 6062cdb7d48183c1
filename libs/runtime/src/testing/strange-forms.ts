/** What programs look at in an error. */
const LOOKED_AT = ['name', 'message', 'cause', 'errors', 'code', 'stack', 'permanent', 'then'];

function revoked(target: object): unknown {
  const { proxy, revoke } = Proxy.revocable(target, {});
  revoke();
  return proxy;
}

const withProperty = (name: string, descriptor: PropertyDescriptor) =>
  Object.defineProperty(new Error('strange'), name, { configurable: true, ...descriptor });

function refusing(thrown: unknown): unknown {
  const refuse = () => {
    throw thrown;
  };
  return new Proxy(new Error('strange'), {
    get: refuse,
    has: refuse,
    getPrototypeOf: refuse,
    ownKeys: refuse,
    getOwnPropertyDescriptor: refuse,
  });
}

/** Forms in which a value can be thrown so that a look at what was thrown throws again. */
export const STRANGE_FORMS: readonly ((value: unknown) => unknown)[] = [
  (value) => value,
  () => revoked({}),
  () => revoked([]),
  () => revoked(() => undefined),
  refusing,
  (value) => ({
    toString: () => {
      throw value;
    },
  }),
  ...LOOKED_AT.flatMap((name) => [
    (value: unknown) => withProperty(name, { value }),
    () => withProperty(name, { value: revoked([]) }),
    (value: unknown) =>
      withProperty(name, {
        get: () => {
          throw value;
        },
      }),
  ]),
];
