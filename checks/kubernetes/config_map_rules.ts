import type { WrongField } from "./api_types.ts";
import { decodeBase64, type Fields, fieldsIn } from "./fields.ts";
import { isConfigKey } from "./field_rules.ts";

/** The keys and values of a ConfigMap that the API server refuses although their types are right. */
export function wrongConfigMap({ kind, data, binaryData }: Fields): WrongField[] {
  if (kind !== "ConfigMap") return [];
  const maps = Object.entries({ data, binaryData });
  return maps.flatMap(([list, entries]) =>
    Object.entries(fieldsIn(entries)).flatMap(([key, value]): WrongField[] => {
      const path = `${list}.${key}`;
      if (!isConfigKey(key)) {
        return [{
          path,
          problem: `${JSON.stringify(key)} is no key of a ConfigMap`,
          fix: "Use letters, digits, -, _ and ., and at most 253 characters.",
        }];
      }
      if (list === "data") return [];
      if (Object.hasOwn(fieldsIn(data), key)) {
        return [{
          path,
          problem: `data has the key ${key}, too`,
          fix: "Remove one of them.",
        }];
      }
      return typeof value !== "string" || decodeBase64(value) !== undefined ? [] : [{
        path,
        problem: "the value is not base64",
        fix: "Encode it with base64, or move a text to data.",
      }];
    })
  );
}
