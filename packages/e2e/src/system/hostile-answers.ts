import type { Form } from "./hostile-forms.ts";
import { MARKER, type Outcome } from "./hostile-values.ts";

/** What of an answer a sender goes by, and what of it nobody should see. */
export interface SeenAnswer {
  status: number;
  code: string | undefined;
  /** Reason, or status where there is none, of each event. */
  results: string[] | undefined;
  leaks: string[];
}

interface AnswerBody {
  code?: string;
  results?: { status: string; reason?: string }[];
}

/** Reads an answer. */
export async function readAnswer(response: Response): Promise<SeenAnswer> {
  const text = await response.text();
  const { code, results } = (text === "" ? {} : JSON.parse(text)) as AnswerBody;
  const leaks: string[] = [];
  if (text.includes(MARKER) || JSON.stringify([...response.headers]).includes(MARKER)) leaks.push("the input");
  if (/\bat .*\.[jt]s:\d/.test(text)) leaks.push("a stack");
  return { status: response.status, code, results: results?.map(({ status, reason }) => reason ?? status), leaks };
}

const refusal = (status: number, code: string, results?: string[]): SeenAnswer => ({
  status,
  code,
  results,
  leaks: [],
});

/** Status of a request whose events are all accepted. */
export const acceptedStatus = ({ path }: Pick<Form, "path">): number => (path === "/usage" ? 202 : 204);

const success = (form: Pick<Form, "path">, results: string[]): SeenAnswer => ({
  status: acceptedStatus(form),
  code: undefined,
  results: form.path === "/usage" ? results : undefined,
  leaks: [],
});

/** The answer to a single event. */
export function expectSingle(form: Pick<Form, "path">, outcome: Outcome): SeenAnswer {
  switch (outcome) {
    case "accepted":
      return success(form, ["accepted"]);
    case "malformed":
      return refusal(400, "malformed_request");
    case "tenant_unknown":
      return refusal(404, "not_found");
    case "tenant_gone":
      return refusal(410, "tenant_gone");
    default:
      return refusal(400, "all_events_rejected", [outcome]);
  }
}

/** Whether good events beside a hostile one are read at all: not if the JSON around them is broken. */
export const isReadable = (form: Form, outcome: Outcome): boolean => outcome !== "malformed" || form.name === "NDJSON";

/** The answer to a hostile event between two good ones. */
export function expectListed(form: Form, outcome: Outcome): SeenAnswer {
  if (!isReadable(form, outcome)) return refusal(400, "malformed_request");
  const results = ["accepted", outcome === "malformed" ? "malformed_line" : outcome, "accepted"];
  return outcome === "accepted" || form.path === "/usage"
    ? success(form, results)
    : refusal(400, "validation_failed", results);
}
