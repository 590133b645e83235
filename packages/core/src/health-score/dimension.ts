import { roundToSum } from "./round-to-sum.ts";

/** What health is judged by. */
export const DIMENSIONS = ["memory", "disk", "errorRate", "staleness", "cpu", "load", "latency"] as const;

/** One of {@link DIMENSIONS}. */
export type Dimension = (typeof DIMENSIONS)[number];

/** How one dimension is scored: 100 up to `warn`, 0 from `crit`, linear between. */
export interface DimensionRule {
  /** A hard dimension alone can make a node sick; a soft one counts only in the mean: busy is not sick. */
  hard: boolean;
  /** Share in the weighted mean. */
  weight: number;
  warn: number;
  crit: number;
}

/** Memory, disk, error rate, CPU and load in percent, latency in milliseconds, staleness in missed windows. */
export const DIMENSION_RULES: Readonly<Record<Dimension, DimensionRule>> = {
  memory: { hard: true, weight: 3, warn: 80, crit: 98 },
  disk: { hard: true, weight: 3, warn: 80, crit: 98 },
  errorRate: { hard: true, weight: 3, warn: 1, crit: 10 },
  // One missed window scores 70; two make the node UNKNOWN before this rule is asked.
  staleness: { hard: true, weight: 2, warn: 0, crit: 10 / 3 },
  cpu: { hard: false, weight: 2, warn: 85, crit: 100 },
  load: { hard: false, weight: 1, warn: 100, crit: 300 },
  latency: { hard: false, weight: 2, warn: 1_000, crit: 5_000 },
};

/** Disk use in percent from which a node is about to stop, however well the rest looks. */
const DISK_FULL = 95;
const DISK_FULL_HEALTH_MAX = 20;
const WORST_SHARE = 0.7;
const MEAN_SHARE = 0.3;

/** What one dimension adds to a node's score. */
export interface DimensionScore {
  hard: boolean;
  weight: number;
  /** The value that was scored. */
  value: number;
  /** 0-100. */
  score: number;
  /** Points of the 100 that this dimension took; all of them add up to 100 - health. */
  lostPoints: number;
}

/** What is known of each dimension; one that the node does not report is absent and has no part in the score. */
export type DimensionValues = Readonly<Partial<Record<Dimension, number>>>;

/** Scores of the dimensions that are known. */
export type DimensionScores = Partial<Record<Dimension, DimensionScore>>;

/** Score of a value under a rule, 0 (critical) to 100 (fine), not rounded. */
function scoreValue({ warn, crit }: DimensionRule, value: number): number {
  return Math.min(100, Math.max(0, (100 * (crit - value)) / (crit - warn)));
}

/**
 * Health 0-100 of one moment and where the points went: 0.7 x the worst hard dimension + 0.3 x the weighted mean of
 * those reported; a disk of 95 % or more caps it at 20. Rounded once. Formula: spec, autoscaler.md.
 */
export function scoreDimensions(values: DimensionValues): { health: number; dimensions: DimensionScores } {
  const known = DIMENSIONS.flatMap((name) => {
    const value = values[name];
    const rule = DIMENSION_RULES[name];
    return value === undefined ? [] : [{ name, rule, value, score: scoreValue(rule, value) }];
  });
  const weights = known.reduce((sum, { rule }) => sum + rule.weight, 0);
  const [worst] = known.filter(({ rule }) => rule.hard).toSorted((left, right) => left.score - right.score);
  const lost = known.map(({ name, rule, score }) => {
    const share = (MEAN_SHARE * rule.weight) / weights + (name === worst?.name ? WORST_SHARE : 0);
    return share * (100 - score);
  });
  addDiskCap(lost, { diskIndex: known.findIndex(({ name }) => name === "disk"), disk: values.disk ?? 0 });
  const lostTotal = Math.min(100, Math.round(sumOf(lost)));
  const points = roundToSum(lost, lostTotal);

  const dimensions: DimensionScores = {};
  known.forEach(({ name, rule, value, score }, index) => {
    const { hard, weight } = rule;
    dimensions[name] = { hard, weight, value, score: Math.round(score), lostPoints: points[index] ?? 0 };
  });
  return { health: 100 - lostTotal, dimensions };
}

function addDiskCap(lost: number[], { diskIndex, disk }: { diskIndex: number; disk: number }): void {
  const excess = 100 - sumOf(lost) - DISK_FULL_HEALTH_MAX;
  if (disk >= DISK_FULL && excess > 0) lost[diskIndex] = (lost[diskIndex] ?? 0) + excess;
}

function sumOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, each) => sum + each, 0);
}
