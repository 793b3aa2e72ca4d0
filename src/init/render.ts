import { Document, isMap, isScalar, isSeq, Scalar, visit } from "yaml"
import type { Values } from "./Draft.ts"

/** Lists of few short texts stand on one line. */
const maxFlow = 100

/** The text of a deploy file. `schema` is the path of the JSON Schema, for editors. */
export const deployText = (deploy: Values, schema: string): string => {
  const document = new Document(deploy)
  document.commentBefore = ` yaml-language-server: $schema=${schema}`
  visit(document, {
    Scalar: (_, node) => {
      // Other YAML parsers read `80:80` as a number in base 60, and `no` as false.
      if (typeof node.value === "string" && /^[\d:.]+:\d+|^(?:y|n|yes|no|on|off|true|false)$/iu.test(node.value))
        node.type = Scalar.QUOTE_DOUBLE
    },
    Seq: (_, node) => {
      node.flow = node.items.every(isScalar) && JSON.stringify(node.toJSON()).length <= maxFlow
    }
  })
  if (isMap(document.contents)) {
    for (const [index, { key }] of document.contents.items.entries()) {
      if (
        index > 0 &&
        isScalar(key) &&
        (isMap(document.contents.get(key, true)) || isSeq(document.contents.get(key, true)))
      ) {
        key.spaceBefore = true
      }
    }
  }
  return document.toString({ lineWidth: 0, flowCollectionPadding: false })
}
