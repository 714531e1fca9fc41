/** Rules of the protocol that nothing here breaks yet, and why. */
export const inexpressible: readonly { readonly rule: string; readonly because: string }[] = [
  {
    rule: 'a marker outside its transaction',
    because: 'there is no sink with transactions yet: sinks here become visible by the commit that names them',
  },
  {
    rule: 'a marker that is read before the producer is initialised',
    because: 'there is no sink with transactions yet: sinks here become visible by the commit that names them',
  },
];
