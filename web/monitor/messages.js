/**
 * All messages in a segment of a `history` answer, however they are grouped there.
 * @returns {object[]}
 */
export function messagesOf(value) {
    if (value === null || typeof value !== "object") return [];
    if (typeof value.type === "string") return [value];
    return Object.values(value).flatMap(messagesOf);
}
