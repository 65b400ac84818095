/** Something that a person has to decide before the quickstart can run. The message says what to do. */
export class QuickstartRefusal extends Error {
  override readonly name = 'QuickstartRefusal';
}
