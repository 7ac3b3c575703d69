/**
 * Bounds of one request beside its size in bytes. An empty message of two bytes becomes an object of some
 * hundreds, so without a bound on their number a small body could take all memory.
 */

/** Sum of the weights of what a request holds: attributes and list elements weigh 1. */
export const MAX_ITEMS = 4_000_000;
/** Weight of a span, record, metric, scope, resource or any point but a number. */
export const MESSAGE_WEIGHT = 10;
export const NUMBER_POINT_WEIGHT = 2;
/** Arrays and maps inside each other; protobuf's own parsers stop at 100 messages, of which a level takes up to 3. */
export const MAX_VALUE_DEPTH = 64;
