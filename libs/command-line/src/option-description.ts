/** One option of a command line. */
export interface OptionDescription {
  /** What stands for the value in the help; absent for an option without one. */
  readonly value?: string;
  readonly short?: string;
  /** The value where the option is not given; absent where there is none. */
  readonly default?: string;
  /** Bounds of a number, both included. */
  readonly min?: number;
  readonly max?: number;
  /** Whether a number may have a fraction. */
  readonly fraction?: boolean;
  readonly description: string;
}

/** The options of a program: its command line is read, checked and explained from this list. */
export type OptionTable<Name extends string> = Readonly<Record<Name, OptionDescription>>;
