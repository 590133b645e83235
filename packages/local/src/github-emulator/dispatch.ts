import { dispatchDocs, GithubFailure } from "./github-failure.ts";
import type { WorkflowInputs } from "./workflow-run.ts";

const maxInputs = 25;
const maxPayloadCharacters = 65_535;

export interface Dispatch {
  readonly ref: string;
  readonly inputs: WorkflowInputs;
  readonly wantsRunDetails: boolean;
}

export interface DispatchRules {
  readonly refs?: readonly string[] | undefined;
  /** Inputs that the workflow file declares. */
  readonly inputs?: readonly string[] | undefined;
}

/** Reads a dispatch body, refused in GitHub's words. */
export function readDispatch(text: string, rules: DispatchRules): Dispatch {
  const body = parseObject(text);
  const ref = body["ref"];
  if (typeof ref !== "string" || ref === "") throw refuse('Invalid request.\n\n"ref" wasn\'t supplied.');
  if (rules.refs !== undefined && !rules.refs.includes(ref.replace(/^refs\/(?:heads|tags)\//, ""))) {
    throw refuse(`No ref found for: ${ref}`);
  }
  const details = body["return_run_details"];
  if (details !== undefined && typeof details !== "boolean") {
    throw refuse("Invalid request.\n\nFor 'properties/return_run_details', the value is not a boolean.");
  }
  return { ref, inputs: readInputs(body["inputs"], rules.inputs), wantsRunDetails: details === true };
}

function readInputs(given: unknown, declared: readonly string[] | undefined): WorkflowInputs {
  if (given === undefined) return {};
  if (typeof given !== "object" || given === null || Array.isArray(given)) {
    throw refuse("Invalid request.\n\nFor 'properties/inputs', the value is not an object.");
  }
  const entries = Object.entries(given);
  if (entries.length > maxInputs) {
    throw refuse(
      `Invalid request.\n\nNo more than ${maxInputs} properties are allowed; ${entries.length} were supplied.`,
    );
  }
  if (JSON.stringify(given).length > maxPayloadCharacters) throw refuse("inputs are too large.");
  const unexpected = entries.map(([name]) => name).filter((name) => declared !== undefined && !declared.includes(name));
  if (unexpected.length > 0) throw refuse(`Unexpected inputs provided: ${JSON.stringify(unexpected)}`);
  return Object.fromEntries(entries.map(([name, value]) => [name, readInput(name, value)]));
}

function readInput(name: string, value: unknown): string {
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") return String(value);
  throw refuse(`Invalid request.\n\nFor 'properties/${name}', the value is not a string.`);
}

function parseObject(text: string): Record<string, unknown> {
  try {
    const body: unknown = JSON.parse(text);
    if (typeof body === "object" && body !== null && !Array.isArray(body)) return body as Record<string, unknown>;
  } catch {
    throw new GithubFailure(400, "Problems parsing JSON", dispatchDocs);
  }
  throw new GithubFailure(400, "Body should be a JSON object", dispatchDocs);
}

function refuse(message: string): GithubFailure {
  return new GithubFailure(422, message, dispatchDocs);
}
