import { LOCAL_SECRETS } from "../stack/settings.ts";

type Fetch = (url: string, init?: RequestInit) => Promise<Response>;

/** What an operator and an app do over HTTP, as any of them would with curl. */
export interface OperatorClient {
  get<T>(path: string): Promise<T>;
  post<T>(path: string): Promise<{ status: number; body: T }>;
  sendUsage(path: string, contentType: string, body: string): Promise<{ status: number; body: string }>;
}

/** Makes a client of the one origin with the local credentials. */
export function createOperatorClient(fetch: Fetch): OperatorClient {
  const operator = { authorization: `Bearer ${LOCAL_SECRETS.INTERNAL_API_KEY}` };
  return {
    get: async <T>(path: string) => {
      const response = await fetch(path, { headers: operator });
      if (!response.ok) throw new Error(`GET ${path}: ${response.status} ${await response.text()}`);
      return (await response.json()) as T;
    },
    post: async <T>(path: string) => {
      const response = await fetch(path, { method: "POST", headers: operator });
      return { status: response.status, body: (await response.json()) as T };
    },
    sendUsage: async (path, contentType, body) => {
      const response = await fetch(path, {
        method: "POST",
        headers: { "content-type": contentType, authorization: `Bearer ${LOCAL_SECRETS.USE_WRITER_SECRET}` },
        body,
      });
      return { status: response.status, body: await response.text() };
    },
  };
}
