// A file imported as its text, which the test runner resolves.
declare module "*?raw" {
  const text: string;
  export default text;
}
