import { describeError } from "@prego/core/log";
import { DurableObject } from "cloudflare:workers";
import { type BufferDeps, createBufferDeps } from "../deps.ts";
import type { Env } from "../env.ts";
import { BUSY_RETRY_AFTER_SECONDS, IDLE_MAINTENANCE_MS } from "../limits.ts";
import { type AppendRequest, type AppendResult, ID_WORDS } from "./append-request.ts";
import { type PackedAppend, packResult, unpackAppend } from "./append-wire.ts";
import { type BufferState, isFull, loadState, sizeOf, takeNotes } from "./buffer-state.ts";
import { type BatchRow, decideGroup } from "./decide-group.ts";
import { flushOnce } from "./flush.ts";
import { backoffMs, flushDueMs } from "./flush-plan.ts";
import { createGroupCommit, type GroupCommit } from "./group-commit.ts";
import { isHot, maintainIds, maintenanceDueMs, mergeRuns, sealIds } from "./maintain.ts";
import { BufferStorage } from "./storage.ts";

/** Takes the events of one tenant's shard, makes them durable, and brings them to R2. */
export class UsageBuffer extends DurableObject<Env> {
  /** Not a method, so out of reach of callers; tests put failing parts in. */
  deps: BufferDeps;
  readonly #storage: BufferStorage;
  readonly #group: GroupCommit<AppendRequest, AppendResult>;
  #state: BufferState | undefined;
  #alarmAtMs: number | undefined;
  #alarmWritten: Promise<void> | undefined;
  #failures = 0;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.deps = createBufferDeps(env);
    this.#storage = new BufferStorage(ctx.storage);
    this.#group = createGroupCommit({
      commit: (requests) => this.#commit(requests),
      gather: pause,
      settle: async () => {
        await this.#alarmWritten;
        await ctx.storage.sync();
      },
    });
    void ctx.blockConcurrencyWhile(async () => {
      this.#alarmAtMs = (await ctx.storage.getAlarm()) ?? undefined;
      this.#findState();
      await this.#armForRest();
    });
  }

  /**
   * Takes a packed {@link AppendRequest}; the packed {@link AppendResult} comes when the events are durable. What cannot be read
   * is `unsupported`, an answer that every release of the caller knows: nothing was stored, it may try again.
   */
  async append(...packed: PackedAppend): Promise<string> {
    const request = unpackAppend(...packed);
    return packResult(request === undefined ? { v: 1, kind: "unsupported" } : await this.#append(request));
  }

  async #append(request: AppendRequest): Promise<AppendResult> {
    const state = this.#openState(request);
    const size = sizeOf(request);
    if (isFull(state, size)) {
      return { v: 1, kind: "busy", retryAfterSeconds: BUSY_RETRY_AFTER_SECONDS };
    }
    state.waiting.events += size.events;
    state.waiting.idCount += size.idCount;
    return this.#group.submit(request);
  }

  /** Flushes and looks after ids. It never throws: the runtime would give up after six failures, this goes on for ever. */
  override async alarm(): Promise<void> {
    this.#alarmAtMs = undefined;
    try {
      const outcome = await this.#work();
      this.#failures = 0;
      // What was erased stays empty, without tables and without an alarm.
      if (outcome !== "erased") await this.#armForRest();
    } catch (error) {
      this.#failures++;
      const delayMs = backoffMs(this.#failures);
      this.deps.log("error", "usage.flush_failed", {
        tenant_id: this.#state?.tenantId,
        shard: this.#state?.shard,
        backlog_events: this.#state?.events,
        failures: this.#failures,
        retry_in_ms: delayMs,
        error: describeError(error),
      });
      this.#alarmAtMs = this.deps.now() + delayMs;
      await this.ctx.storage.setAlarm(this.#alarmAtMs);
    }
  }

  async #work(): Promise<"done" | "erased"> {
    const { store, now, log } = this.deps;
    const storage = this.#storage;
    const state = this.#findState();
    if (state === undefined) return "done";
    // Only what is there now: what arrives meanwhile gathers for a flush of its own.
    const lastSeq = state.nextSeq - 1;
    state.fresh = { events: 0, chars: 0, idCount: 0, sinceMs: undefined };
    while (this.#state === state && (storage.findFirstSeq() ?? Infinity) <= lastSeq) {
      const outcome = await flushOnce({ storage, store, state, now, log });
      if (outcome === "gone") return this.#erase(state);
      if (isHot(state)) {
        sealIds(storage, state, now());
        await this.#mergeRuns(state);
      }
    }
    // A commit that failed meanwhile had the state reloaded, with batches in it that are flushed now.
    if (this.#state !== state) this.#state = undefined;
    const object = storage.findObject();
    if (object === undefined || now() < maintenanceDueMs(storage, object)) return "done";
    if ((await store.findTenant(state.tenantId)) === "gone") return this.#erase(state);
    const current = this.#findState() ?? state;
    maintainIds(storage, current, now());
    await this.#mergeRuns(current);
    if (this.#state !== current) this.#state = undefined;
    return "done";
  }

  async #mergeRuns(state: BufferState): Promise<void> {
    for (const _turn of mergeRuns(this.#storage, state, this.deps.now())) await pause();
  }

  async #erase(state: BufferState): Promise<"erased"> {
    this.#state = undefined;
    this.#alarmAtMs = undefined;
    await this.ctx.storage.deleteAll();
    this.deps.log("info", "usage.erased", { tenant_id: state.tenantId, shard: state.shard, events: state.events });
    return "erased";
  }

  #commit(requests: readonly AppendRequest[]): AppendResult[] {
    const [first] = requests;
    if (first === undefined) return [];
    const state = this.#openState(first);
    const nowMs = this.deps.now();
    state.waiting = { events: 0, idCount: 0 };
    try {
      const { results, rows, replays } = decideGroup(state.index, requests, (claim) =>
        this.#storage.findDuplicates(claim),
      );
      if (rows.length > 0) {
        const notes = takeNotes(state, replays);
        this.#storage.insertGroup(state.nextSeq, rows, notes, nowMs);
        countRows(state, rows, nowMs);
      }
      // Also without new rows: a write that took effect and then failed left rows behind and no alarm.
      // While flushes fail, the backoff alone says when to try again.
      const mayArm = this.#failures === 0 || this.#alarmAtMs === undefined;
      if (state.fresh.sinceMs !== undefined && mayArm) this.#armForFlush(state);
      return results;
    } catch (error) {
      // The index holds ids that were not written: it is rebuilt from what was.
      this.#state = undefined;
      throw error;
    }
  }

  #armForFlush({ fresh }: BufferState): void {
    this.#arm(flushDueMs(fresh, this.deps.flushMs, this.deps.now()));
  }

  /** Sets the alarm unless an earlier one is set; each costs a row. */
  #arm(dueMs: number): void {
    if (this.#alarmAtMs !== undefined && this.#alarmAtMs <= dueMs) return;
    this.#alarmAtMs = dueMs;
    this.#alarmWritten = this.ctx.storage.setAlarm(dueMs);
  }

  /** After a wake or a flush: an object that is anyone's always has an alarm. */
  async #armForRest(): Promise<void> {
    // Found anew after a commit that failed during a flush: what is left of the backlog needs an alarm all the same.
    const state = this.#findState();
    if (state === undefined) return;
    if (this.#storage.findFirstSeq() !== undefined) this.#armForFlush(state);
    const object = this.#storage.findObject();
    if (object !== undefined) this.#arm(maintenanceDueMs(this.#storage, object));
    await this.#alarmWritten;
  }

  #findState(): BufferState | undefined {
    if (this.#state?.isStale === true) this.#state = undefined;
    if (this.#state === undefined) {
      this.#storage.createTables();
      const object = this.#storage.findObject();
      if (object !== undefined) this.#state = loadState(this.#storage, object, this.deps.now());
    }
    return this.#state;
  }

  #openState({ tenantId, shard }: AppendRequest): BufferState {
    let state = this.#findState();
    if (state === undefined) {
      const nowMs = this.deps.now();
      this.#storage.insertObject(tenantId, shard, nowMs);
      this.#arm(nowMs + IDLE_MAINTENANCE_MS);
      state = this.#findState();
    }
    if (state?.tenantId !== tenantId || state.shard !== shard) throw new Error("this object belongs to another tenant");
    return state;
  }
}

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

function countRows(state: BufferState, rows: readonly BatchRow[], nowMs: number): void {
  for (const { events, chars, ids } of rows) {
    const idCount = ids.length / ID_WORDS;
    state.nextSeq++;
    for (const total of [state, state.fresh]) {
      total.events += events;
      total.chars += chars;
      total.idCount += idCount;
    }
  }
  state.fresh.sinceMs ??= nowMs;
}
