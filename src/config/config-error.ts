/** The configuration does not fit. The message is for the operator, and lists everything at once. */
export class ConfigError extends TypeError {
  override readonly name = 'ConfigError';
  /** One sentence each: which source, which key, what is due. Never the value: it may be a secret. */
  readonly violations: readonly string[];

  constructor(violations: readonly string[]) {
    super(`The configuration does not fit:\n${violations.map((violation) => `- ${violation}`).join('\n')}`);
    this.violations = violations;
  }
}
