// What several parts of the page look at: it changes, they are drawn again.

import { useEffect, useState } from "./vendor/preact-htm.js";

export class Store {
  #watchers = new Set();

  watch(watcher) {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  changed() {
    for (const watcher of [...this.#watchers]) watcher();
  }
}

export function useStore(store) {
  const [, draw] = useState(0);
  useEffect(() => store.watch(() => draw((count) => count + 1)), [store]);
  return store;
}
