/**
 * Events with a detail, as CustomEvent has them, which not every runtime of our tests knows.
 */
class DetailEvent extends Event {
    constructor(type, detail) {
        super(type);
        this.detail = detail;
    }
}

/**
 * @param {EventTarget} target
 * @param {string} type
 * @param {*} [detail] what listeners find in `event.detail`
 */
export function emit(target, type, detail = null) {
    target.dispatchEvent(new DetailEvent(type, detail));
}
