// Moves a pretended API and a Listing side by side; gives the ids that the Listing has at the end, and the true ones.
async (seed) => {
  const { Listing } = await import("/page/listing.js");
  const LIMIT = 10;
  let state = seed * 2654435761 + 1;
  const random = (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state % below;
  };
  let jobs = []; // newest first: {number, id, shown}
  let number = 0;
  const insert = (count) => {
    for (; count; count--) jobs.unshift({ number: ++number, id: `job-${number}`, shown: random(3) > 0, scenes: [] });
  };
  const fetchPage = async (cursor) => {
    const below = jobs.filter((job) => job.shown && (cursor === null || job.number < Number(cursor)));
    return { jobs: below.slice(0, LIMIT), next: below.length > LIMIT ? String(below[LIMIT].number + 1) : null };
  };
  const listing = new Listing(fetchPage);
  insert(random(60));
  for (let step = 0; step < 60; step++) {
    const deed = random(6);
    if (deed === 0) insert(random(4));
    if (deed === 1) insert(random(40));
    if (deed === 2 && jobs.length) jobs.splice(random(jobs.length), 1);
    if (deed === 3 && jobs.length) jobs[random(jobs.length)].shown ^= true;
    if (deed === 4) await listing.more();
    if (deed === 5) {
      const first = random(Math.max(1, listing.ids.length));
      await listing.refresh(listing.ids.slice(first, first + random(30)));
    }
  }
  for (let round = 0; round < 100; round++) {
    await listing.refresh(listing.ids);
    await listing.more();
  }
  return [listing.ids, jobs.filter((job) => job.shown).map((job) => job.id)];
}
