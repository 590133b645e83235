import type { FormObject, FormValue } from "./form-decoder.ts";
import { createInvalidRequest } from "./stripe-failure.ts";

/** Reads decoded parameters and refuses what Stripe would refuse, with the parameter's full name. */
export class Params {
  readonly #values: FormObject;
  readonly #prefix: string;

  constructor(values: FormObject, prefix = "") {
    this.#values = values;
    this.#prefix = prefix;
  }

  get names(): string[] {
    return Object.keys(this.#values);
  }

  name(key: string): string {
    return this.#prefix === "" ? key : `${this.#prefix}[${key}]`;
  }

  raw(key: string): FormValue | undefined {
    return this.#values[key];
  }

  has(key: string): boolean {
    return this.#values[key] !== undefined;
  }

  /** Unknown names fail, so that a renamed parameter cannot be dropped in silence. */
  accept(names: readonly string[]): this {
    const unknown = this.names.find((name) => !names.includes(name));
    if (unknown !== undefined) {
      const param = this.name(unknown);
      throw createInvalidRequest({ code: "parameter_unknown", param, message: `Received unknown parameter: ${param}` });
    }
    return this;
  }

  text(key: string): string | undefined {
    const value = this.#values[key];
    if (typeof value === "object") throw createInvalidRequest({ param: this.name(key), message: "Invalid string" });
    return value === "" ? undefined : value;
  }

  requireText(key: string): string {
    const value = this.text(key);
    if (value === undefined) throw this.missing(key);
    return value;
  }

  integer(key: string): number | undefined {
    const value = this.text(key);
    if (value === undefined) return undefined;
    if (!/^-?\d{1,15}$/.test(value)) {
      const param = this.name(key);
      throw createInvalidRequest({
        code: "parameter_invalid_integer",
        param,
        message: `Invalid integer: ${value.slice(0, 40)}`,
      });
    }
    return Number(value);
  }

  boolean(key: string): boolean | undefined {
    const value = this.text(key);
    if (value === undefined) return undefined;
    if (value !== "true" && value !== "false") {
      throw createInvalidRequest({ param: this.name(key), message: `Invalid boolean: ${value.slice(0, 40)}` });
    }
    return value === "true";
  }

  /** One of a closed set of words, else Stripe's refusal that lists them. */
  choice<Word extends string>(key: string, words: readonly Word[]): Word | undefined {
    const value = this.text(key);
    if (value === undefined) return undefined;
    const found = words.find((word) => word === value);
    if (found === undefined) {
      const param = this.name(key);
      throw createInvalidRequest({ param, message: `Invalid ${param}: must be one of ${words.join(", ")}` });
    }
    return found;
  }

  object(key: string): Params | undefined {
    const value = this.#values[key];
    if (value === undefined || value === "") return undefined;
    if (typeof value === "string") throw createInvalidRequest({ param: this.name(key), message: "Invalid object" });
    return new Params(value, this.name(key));
  }

  list(key: string): Params[] {
    const list = this.object(key);
    if (list === undefined) return [];
    return list.names.map((index) => {
      const item = list.object(index);
      if (item === undefined) throw createInvalidRequest({ param: this.name(key), message: "Invalid array" });
      return item;
    });
  }

  texts(key: string): string[] {
    const list = this.object(key);
    return list === undefined ? [] : list.names.map((index) => list.requireText(index));
  }

  missing(key: string): Error {
    const param = this.name(key);
    return createInvalidRequest({ code: "parameter_missing", param, message: `Missing required param: ${param}.` });
  }
}
