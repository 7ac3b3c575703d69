/** Where the spans of an attached process go. */
export interface Attachment {
  /** True: to our receiver as well as to theirs. */
  readonly added: boolean;
  /** For people. */
  readonly why: string;
}
