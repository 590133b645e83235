type Contenders = Readonly<Record<string, (round: number) => Promise<unknown>>>;
type Results<C extends Contenders> = { [Name in keyof C]: Awaited<ReturnType<C[Name]>>[] };

/** Measures every contender once a round, in turn (A B C, A B C), so that a change of the machine's mood meets all of them. */
export async function runRounds<C extends Contenders>(rounds: number, contenders: C): Promise<Results<C>> {
  const results: Record<string, unknown[]> = {};
  for (let round = 0; round < rounds; round += 1) {
    for (const [name, measure] of Object.entries(contenders)) {
      (results[name] ??= []).push(await measure(round));
    }
  }
  return results as Results<C>;
}
