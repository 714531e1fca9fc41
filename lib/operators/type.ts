declare const witnessed: unique symbol;

/** Stands for a type where there is no value to infer it from. */
export interface Type<T> {
  /** Never present at run time. */
  readonly [witnessed]?: (value: T) => T;
}

/** Says a type to an operator's definition: `in: type<Flight>()`. Nothing is checked at run time. */
export function type<T>(): Type<T> {
  return {};
}
