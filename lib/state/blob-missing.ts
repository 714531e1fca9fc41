import { MillraceError } from '../model/index.ts';

/** A blob that is not there, which is not the same as one that could not be read. Trying again helps if a newer commit names another. */
export class BlobMissing extends MillraceError {
  constructor(name: string) {
    super('unavailable', `blob ${name} is missing`, {
      hint: 'read the newest commit again; if it still names this blob, the blob was deleted or never stored',
    });
  }
}
