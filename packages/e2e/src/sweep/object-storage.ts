import { type FaultSource, passNow } from "./fault-source.ts";

/** Alarms by object id: kept outside of the objects, so that they outlive these and fire when the harness's clock says so. */
export type AlarmTable = Map<string, number>;

/** What an object's storage is faulted with. */
export interface StorageFaults {
  source: FaultSource;
  alarms: AlarmTable;
}

const STORAGE_CALLS = new Set(["sync", "setAlarm", "getAlarm"]);

/** Makes every call of an object's storage able to fail, in place: the runtime takes only its own context. */
export function breakStorage(context: DurableObjectState, { source, alarms }: StorageFaults): void {
  const { storage } = context;
  const id = context.id.toString();
  const restart = (): void => context.abort("restart");
  const sql = new Proxy(storage.sql, {
    get(target, name) {
      if (name !== "exec") return Reflect.get(target, name) as unknown;
      return (query: string, ...bindings: unknown[]) => passNow(source, restart, () => target.exec(query, ...bindings));
    },
  });
  const calls: Record<string, (...args: never[]) => Promise<unknown>> = {
    sync: () => storage.sync(),
    getAlarm: async () => alarms.get(id) ?? null,
    setAlarm: async (atMs: number) => void alarms.set(id, atMs),
    deleteAll: () => {
      alarms.delete(id);
      return storage.deleteAll();
    },
  };
  const faulty = new Proxy(storage, {
    get(target, name) {
      if (name === "sql") return sql;
      if (name === "transactionSync") {
        return (change: () => unknown) => passNow(source, restart, () => target.transactionSync(change));
      }
      const call = calls[String(name)];
      if (call !== undefined) {
        return STORAGE_CALLS.has(String(name)) ? withRestarts(source, restart, call) : call;
      }
      const member: unknown = Reflect.get(target, name);
      return typeof member === "function" ? (member.bind(target) as unknown) : member;
    },
  });
  Object.defineProperty(context, "storage", { value: faulty });
}

const withRestarts =
  (source: FaultSource, restart: () => void, call: (...args: never[]) => Promise<unknown>) =>
  async (...args: never[]): Promise<unknown> => {
    const mode = source.strike("object_storage");
    if (mode === "before") restart();
    const answer = await call(...args);
    if (mode !== undefined) restart();
    return answer;
  };
