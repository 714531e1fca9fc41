import { MillraceError } from '../../model/index.ts';

/** The package that a format needs, loaded once it is used. Throws `invalid-pipeline` where it is not installed. */
export async function optionalPackage<T>(name: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (error) {
    throw new MillraceError('invalid-pipeline', `the package ${name} is needed and cannot be loaded`, {
      hint: `install it beside millrace: npm install ${name}`,
      cause: error,
    });
  }
}
