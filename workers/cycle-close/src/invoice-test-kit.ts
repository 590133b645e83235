/** Stripe's invoices at the network boundary; keys, faults and answers are those of the rest of the fake. */

const ITEMS_PER_INVOICE_MAX = 250;
const SECONDS_MS = 1_000;

export interface FakeInvoice {
  id: string;
  customer: string;
  currency: string;
  created: number;
  default_payment_method: string | null;
  metadata: Record<string, string>;
  /** Ids of the items it took. */
  items: string[];
}

interface Item {
  id: string;
  customer: string;
  currency: string;
  invoice?: string;
}

export interface FakeInvoices {
  invoices: FakeInvoice[];
  /** The body of a call that is about invoices. */
  answer: (path: string, params: URLSearchParams) => unknown;
}

export function createFakeInvoices(now: () => number, items: readonly Item[]): FakeInvoices {
  const invoices: FakeInvoice[] = [];
  const create = (params: URLSearchParams): FakeInvoice => {
    const [customer, currency] = [params.get("customer") ?? "", params.get("currency") ?? ""];
    const taken = items
      .filter((item) => item.customer === customer && item.currency === currency && item.invoice === undefined)
      .slice(0, ITEMS_PER_INVOICE_MAX);
    const metadata = [...params].flatMap(([name, value]) => {
      const key = /^metadata\[(.+)\]$/.exec(name)?.[1];
      return key === undefined ? [] : [[key, value] as const];
    });
    const invoice = {
      id: `in_${invoices.length + 1}`,
      customer,
      currency,
      created: Math.floor(now() / SECONDS_MS),
      default_payment_method: params.get("default_payment_method"),
      metadata: Object.fromEntries(metadata),
      items: taken.map(({ id }) => id),
    };
    for (const item of taken) item.invoice = invoice.id;
    invoices.push(invoice);
    return invoice;
  };
  const list = (params: URLSearchParams) => {
    const since = Number(params.get("created[gte]") ?? 0);
    const data = invoices.filter(({ customer, created }) => customer === params.get("customer") && created >= since);
    return { object: "list", data: data.toReversed(), has_more: false, url: "/v1/invoices" };
  };
  return {
    invoices,
    answer: (path, params) => {
      if (path === "POST /v1/invoices") return create(params);
      if (path === "GET /v1/invoices") return list(params);
      if (path.startsWith("GET /v1/subscriptions/")) return { id: "sub", default_payment_method: "pm_of_subscription" };
      return undefined;
    },
  };
}
