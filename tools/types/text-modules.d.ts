/** Lua scripts are bundled as text (esbuild's loader, and tools/jest/text-transform.cjs in tests). */
declare module '*.lua' {
  const source: string;
  export default source;
}
