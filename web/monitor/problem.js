/**
 * Why something that was asked of the server did not succeed: in the page's own words where it is
 * the connection, else in the server's.
 * @param {object} i18n see /web/shared/i18n.js
 * @param {Error & {code?: string}} error
 */
export function problemText(i18n, { code, message }) {
    return i18n.has(`problem.${code}`) ? i18n.t(`problem.${code}`) : message;
}
