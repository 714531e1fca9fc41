/** Functions of AWS Lambda. */
export * from './lambda-functions.ts';
