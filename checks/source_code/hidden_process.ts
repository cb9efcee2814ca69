// The library of the Python parser looks for the global `process` while it loads, because it can
// trace its steps. In Deno, a look at `process` loads a large part of Node, which takes 20 ms.
// Therefore python_parser.ts imports this module before the library. No other code can run in
// between, because neither of them awaits anything while it loads.

const descriptor = Object.getOwnPropertyDescriptor(globalThis, "process");
Reflect.defineProperty(globalThis, "process", { value: undefined, configurable: true });

/** Makes the global `process` available again. */
export function showProcess(): void {
  if (descriptor !== undefined) Reflect.defineProperty(globalThis, "process", descriptor);
}
