/** Memory of one worker's isolate, as its inspector tells it. */
export interface HeapInspector {
  /** Bytes in use: values, what the runtime holds for them, and array buffers. Includes what was not yet collected. */
  usedBytes(): Promise<number>;
  close(): void;
}

interface HeapUsage {
  usedSize: number;
  embedderHeapUsedSize: number;
  backingStorageSize: number;
}

/** Opens the inspector of a worker. */
export async function openHeapInspector(inspector: URL, worker: string): Promise<HeapInspector> {
  const socket = new WebSocket(new URL(`/core:user:${worker}`, inspector).href);
  const waiting = new Map<number, (usage: HeapUsage) => void>();
  let calls = 0;
  socket.addEventListener("message", ({ data }) => {
    const { id, result } = JSON.parse(String(data)) as { id: number; result: HeapUsage };
    waiting.get(id)?.(result);
    waiting.delete(id);
  });
  await new Promise((resolve, reject) => {
    socket.addEventListener("open", resolve, { once: true });
    socket.addEventListener("error", reject, { once: true });
  });
  return {
    usedBytes: async () => {
      calls += 1;
      const usage = await new Promise<HeapUsage>((resolve) => {
        waiting.set(calls, resolve);
        socket.send(JSON.stringify({ id: calls, method: "Runtime.getHeapUsage" }));
      });
      return usage.usedSize + usage.embedderHeapUsedSize + usage.backingStorageSize;
    },
    close: () => socket.close(),
  };
}
