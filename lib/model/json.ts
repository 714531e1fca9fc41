/** JSON data, for cursors, options and descriptions that are stored. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
