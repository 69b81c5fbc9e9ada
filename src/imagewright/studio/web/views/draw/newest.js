// Work of which only the newest call matters: one is under way at most, and what waits is done once, afterwards.
export function newest(work, failed) {
  let [isBusy, isAsked] = [false, false];
  const next = async () => {
    if (isBusy) return;
    isBusy = true;
    while (isAsked) {
      isAsked = false;
      try {
        await work();
      } catch (error) {
        failed(error);
      }
    }
    isBusy = false;
  };
  return () => {
    isAsked = true;
    next();
  };
}
