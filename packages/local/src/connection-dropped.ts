/** Thrown by an emulator whose fault says that the connection breaks before an answer. */
export class ConnectionDropped extends Error {
  override readonly name = "ConnectionDropped";
}
