/**
 * Raised with every change after which tasks of older and newer code of this package may not go on at the same place of a log: all of a deployed pipeline's stages then change
 * their code at a barrier. Part of what code counts by (`Pipeline.withCode`).
 */
export const PROTOCOL_VERSION = 1;
