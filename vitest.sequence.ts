import { BaseSequencer, type TestSequencerConstructor, type TestSpecification } from 'vitest/node'

/** Begins with the files that take longest: at the end, one worker would run them while the others have nothing left. */
export function beginWith(...names: readonly string[]): TestSequencerConstructor {
  return class extends BaseSequencer {
    override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
      const isLong = ({ moduleId }: TestSpecification) => Number(names.some((name) => moduleId.endsWith(name)))
      return (await super.sort(files)).toSorted((a, b) => isLong(b) - isLong(a))
    }
  }
}
