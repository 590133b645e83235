/** What one customer has at the fake Stripe. */
export interface FakeCustomer {
  id: string;
  deleted: boolean;
  subscriptions: { id: string; status: string }[];
  invoices: { id: string; status: string; created: number }[];
  paymentMethods: string[];
}

/** A Stripe of a few routes, behind the fetch that the real SDK calls. It keeps what it was told, in order. */
export interface FakeStripe {
  fetch: typeof fetch;
  customers: Map<string, FakeCustomer>;
  calls: string[];
}

export const fakeCustomer = (id: string): FakeCustomer => ({
  id,
  deleted: false,
  subscriptions: [{ id: `sub_of_${id}`, status: "canceled" }],
  invoices: [
    { id: `in_2_of_${id}`, status: "open", created: 1_790_000_000 },
    { id: `in_1_of_${id}`, status: "paid", created: 1_780_000_000 },
  ],
  paymentMethods: [`pm_1_of_${id}`, `pm_2_of_${id}`],
});

const answer = (body: unknown, status = 200): Response => Response.json(body, { status });
const list = (data: unknown[]): Response => answer({ object: "list", data, has_more: false, url: "/" });
const missing = (): Response =>
  answer({ error: { type: "invalid_request_error", code: "resource_missing", message: "No such object" } }, 404);

export function createFakeStripe(...known: FakeCustomer[]): FakeStripe {
  const customers = new Map(known.map((customer) => [customer.id, customer]));
  const calls: string[] = [];
  const respond = (method: string, url: URL): Response => {
    const [, , resource = "", id = "", action = ""] = url.pathname.split("/");
    calls.push(`${method} ${url.pathname}`);
    const named = customers.get(resource === "customers" ? id : (url.searchParams.get("customer") ?? ""));
    const all = [...customers.values()];
    if (resource === "customers") {
      if (named === undefined) return missing();
      if (action === "payment_methods") {
        return named.deleted ? missing() : list(named.paymentMethods.map((pm) => ({ id: pm })));
      }
      if (method === "DELETE" && named.deleted) return missing();
      if (method === "DELETE") named.deleted = true;
      return answer(named.deleted ? { id, object: "customer", deleted: true } : { id, object: "customer" });
    }
    if (resource === "subscriptions" && id === "") {
      return named === undefined || named.deleted
        ? missing()
        : list(
            named.subscriptions.filter(
              ({ status }) => url.searchParams.get("status") === "all" || status !== "canceled",
            ),
          );
    }
    if (resource === "subscriptions") {
      const found = all.flatMap((customer) => customer.subscriptions).find((subscription) => subscription.id === id);
      if (found === undefined || (method === "DELETE" && found.status === "canceled")) return missing();
      if (method === "DELETE") found.status = "canceled";
      return answer({ ...found, object: "subscription" });
    }
    if (resource === "invoices" && id === "") {
      if (named === undefined || named.deleted) return missing();
      const status = url.searchParams.get("status");
      return list(named.invoices.filter((invoice) => status === null || invoice.status === status));
    }
    if (resource === "invoices" && action === "void") {
      const invoice = all.flatMap((customer) => customer.invoices).find((candidate) => candidate.id === id);
      if (invoice?.status !== "open") {
        return answer({ error: { type: "invalid_request_error", message: `invoice ${id} is not open` } }, 400);
      }
      invoice.status = "void";
      return answer({ ...invoice, object: "invoice" });
    }
    if (resource === "payment_methods" && action === "detach") {
      const owner = all.find((customer) => customer.paymentMethods.includes(id));
      if (owner === undefined) return missing();
      owner.paymentMethods = owner.paymentMethods.filter((method) => method !== id);
      return answer({ id, object: "payment_method" });
    }
    return answer({ error: { type: "invalid_request_error", message: "unknown route" } }, 404);
  };
  const outside = (input: RequestInfo | URL, init?: RequestInit): Promise<Response> => {
    const request = new Request(input, init);
    return Promise.resolve(respond(request.method, new URL(request.url)));
  };
  return { fetch: outside, customers, calls };
}
