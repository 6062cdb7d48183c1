/** Where the bytes of one field stand. At 0 it is absent: a tag stands before each field. */
export interface Field {
  at: number;
  length: number;
}

/** The first byte of each field on the wire: its number and wire type, as proto/event/event.proto has it. */
const enum Tag {
  EventId = 0x0a,
  Type = 0x12,
  Timestamp = 0x18,
  Data = 0x22,
  DataContentType = 0x2a,
  Attribute = 0x32,
  Source = 0x3a,
  PartitionKey = 0x42,
  SchemaVersion = 0x4a,
}

/** The same within an attribute. */
const enum AttributeTag {
  Name = 0x0a,
  Value = 0x12,
}

/** More attributes make an event that is not ordinary. */
export const MAX_ORDINARY_ATTRIBUTES = 8;
/** Bytes of a number that JavaScript holds exactly, whatever they are. */
const MAX_NUMBER_BYTES = 7;
const MAX_LENGTH_BYTES = 4;
const UNREADABLE = -1;

/**
 * Where the fields of an ordinary event stand in its bytes: each at most once, and none that the
 * contract does not know. Used again for each event, so that nothing is made for it.
 */
export class EventFields {
  readonly eventId = absent();
  readonly type = absent();
  readonly data = absent();
  readonly dataContentType = absent();
  readonly source = absent();
  readonly partitionKey = absent();
  readonly schemaVersion = absent();
  /** The first `attributes` of them are there. */
  readonly names: readonly Field[] = Array.from({ length: MAX_ORDINARY_ATTRIBUTES }, absent);
  readonly values: readonly Field[] = Array.from({ length: MAX_ORDINARY_ATTRIBUTES }, absent);
  attributes = 0;
  timestamp = 0;
  private bytes: Uint8Array = new Uint8Array(0);
  private at = 0;

  /** @returns false for an event that is not ordinary; what is found then means nothing */
  locate(bytes: Uint8Array, from: number, end: number): boolean {
    this.clear(bytes, from);
    while (this.at < end) {
      const tag = bytes[this.at] ?? 0;
      this.at += 1;
      if (tag === Tag.Timestamp) {
        if (this.timestamp !== 0) return false;
        this.timestamp = this.number(MAX_NUMBER_BYTES, end);
        if (this.timestamp <= 0) return false;
      } else if (tag === Tag.Attribute) {
        if (!this.attribute(end)) return false;
      } else {
        const field = this.fieldOf(tag);
        if (field === undefined || !this.take(field, end)) return false;
      }
    }
    return true;
  }

  private clear(bytes: Uint8Array, from: number): void {
    this.bytes = bytes;
    this.at = from;
    this.timestamp = 0;
    this.attributes = 0;
    this.eventId.at = this.type.at = this.data.at = this.dataContentType.at = 0;
    this.source.at = this.partitionKey.at = this.schemaVersion.at = 0;
  }

  private fieldOf(tag: number): Field | undefined {
    switch (tag) {
      case Tag.EventId:
        return this.eventId;
      case Tag.Type:
        return this.type;
      case Tag.Data:
        return this.data;
      case Tag.DataContentType:
        return this.dataContentType;
      case Tag.Source:
        return this.source;
      case Tag.PartitionKey:
        return this.partitionKey;
      case Tag.SchemaVersion:
        return this.schemaVersion;
      default:
        return undefined;
    }
  }

  private attribute(eventEnd: number): boolean {
    const { bytes } = this;
    const name = this.names[this.attributes];
    const value = this.values[this.attributes];
    const length = this.number(MAX_LENGTH_BYTES, eventEnd);
    const end = this.at + length;
    if (name === undefined || value === undefined || length <= 0 || end > eventEnd) return false;
    name.at = value.at = 0;
    while (this.at < end) {
      const tag = bytes[this.at] ?? 0;
      this.at += 1;
      const field =
        tag === AttributeTag.Name ? name : tag === AttributeTag.Value ? value : undefined;
      if (field === undefined || !this.take(field, end)) return false;
    }
    this.attributes += 1;
    return name.at !== 0 && value.at !== 0;
  }

  /** A field that is empty or comes twice is not ordinary. */
  private take(field: Field, end: number): boolean {
    const length = this.number(MAX_LENGTH_BYTES, end);
    if (field.at !== 0 || length <= 0 || length > end - this.at) return false;
    field.at = this.at;
    field.length = length;
    this.at += length;
    return true;
  }

  /** A number of at most so many bytes. */
  private number(maxBytes: number, end: number): number {
    const { bytes } = this;
    let value = 0;
    let scale = 1;
    for (let i = 0; i < maxBytes && this.at < end; i++) {
      const byte = bytes[this.at] ?? 0;
      this.at += 1;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 0x80;
    }
    return UNREADABLE;
  }
}

function absent(): Field {
  return { at: 0, length: 0 };
}
