/** The middle value, or the mean of the two middle values. */
export const median = (values: ReadonlyArray<number>): number => {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = (sorted.length - 1) / 2
  return ((sorted[Math.floor(middle)] ?? Number.NaN) + (sorted[Math.ceil(middle)] ?? Number.NaN)) / 2
}

/**
 * The median of the ratios of each round. It says more than the ratio of the medians where the machine was busy in some
 * rounds, because a round's contenders ran one after another.
 */
export const ratio = (ours: ReadonlyArray<number>, theirs: ReadonlyArray<number>): number =>
  median(ours.map((value, round) => value / (theirs[round] ?? Number.NaN)))

/**
 * Lets all contenders take turns, so that other load on the machine affects all of them, and returns what each measured
 * by name. A first round is run but not counted: it fills caches. Every second round runs backwards, so that nobody
 * always follows the same one.
 */
export const interleave = async <Name extends string, A>(
  rounds: number,
  contenders: Readonly<Record<Name, () => A | Promise<A>>>,
  afterRound: () => Promise<void> = async () => {}
): Promise<Readonly<Record<Name, ReadonlyArray<A>>>> => {
  // Object.keys forgets the type of the keys.
  const names = Object.keys(contenders) as Array<Name>
  const results = new Map(names.map((name) => [name, new Array<A>()]))
  for (let round = 0; round <= rounds; round += 1) {
    for (const name of round % 2 === 0 ? names : names.toReversed()) {
      const result = await contenders[name]()
      if (round > 0) results.get(name)?.push(result)
    }
    await afterRound()
  }
  return Object.fromEntries(results) as Record<Name, Array<A>>
}

/** Runs a program that must succeed, and returns its wall-clock time in milliseconds. */
export const timeCommand = (words: ReadonlyArray<string>): number => {
  const began = performance.now()
  const { exitCode } = Bun.spawnSync([...words], { stdin: "ignore", stdout: "pipe", stderr: "ignore" })
  if (exitCode !== 0) throw new Error(`${words.join(" ")} exited with code ${exitCode}`)
  return performance.now() - began
}
