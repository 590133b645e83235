export const dispatchDocs = "https://docs.github.com/rest/actions/workflows#create-a-workflow-dispatch-event";
export const runDocs = "https://docs.github.com/rest/actions/workflow-runs";

/** An error answer in GitHub's shape: `message`, `documentation_url` and the status as text. */
export class GithubFailure extends Error {
  override readonly name = "GithubFailure";
  readonly status: number;
  readonly documentationUrl: string;

  constructor(status: number, message: string, documentationUrl: string) {
    super(message);
    this.status = status;
    this.documentationUrl = documentationUrl;
  }

  get body(): object {
    return { message: this.message, documentation_url: this.documentationUrl, status: String(this.status) };
  }
}
