/** Processes that the observers have started themselves: they are no part of the program that is observed. */
export const ownHelpers = new Set<number>();
