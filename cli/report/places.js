// Where things are drawn on a map: a projection for what is near, a strip for what is far, and a scale.
"use strict";

const EARTH_KM = 6371.0088;
/** What is farther from the middle than this many times the usual distance stands in the strip. */
const FAR = 4;
/** Wider than this, in radians, and the map is one of the world. */
const WORLD = 1;

/** The places that have one: clusters and zones, as longitude and latitude. */
const located = {
  clusters: data.clusters.map((place, id) => ({ id, ...place })).filter((place) => place.at),
  zones: data.zones.map((place, id) => ({ id, ...place })).filter((place) => place.at),
};
const lonLat = (place) => [place.at[1], place.at[0]];

/** Which clusters and zones are near each other, and which far from the rest. */
function nearAndFar() {
  const anchors = located.zones.length ? located.zones : located.clusters;
  if (anchors.length === 0) return null;
  const middle = [d3.median(anchors, (place) => place.at[1]), d3.median(anchors, (place) => place.at[0])];
  const distance = (place) => d3.geoDistance(middle, lonLat(place));
  const usual = Math.max(d3.quantile(anchors, 0.9, distance), 0.5 / EARTH_KM);
  const all = [...located.clusters, ...located.zones];
  const near = (place) => distance(place) <= usual * FAR;
  const world = d3.max(all.filter(near), distance) > WORLD;
  const far = world ? [] : located.clusters.filter((place) => !near(place));
  return {
    middle, world,
    near: all.filter((place) => world || near(place)),
    far: d3.sort(far, distance).map((place) => ({ ...place, km: distance(place) * EARTH_KM, way: compass(middle, lonLat(place)) })),
    lost: located.zones.filter((place) => !world && !near(place)),
  };
}

/** The direction of the great circle, as a point of the compass. */
function compass([fromLon, fromLat], [toLon, toLat]) {
  const [a, b, turn] = [fromLat, toLat, toLon - fromLon].map((degrees) => (degrees * Math.PI) / 180);
  const bearing = Math.atan2(Math.sin(turn) * Math.cos(b), Math.cos(a) * Math.sin(b) - Math.sin(a) * Math.cos(b) * Math.cos(turn));
  return ["N", "NE", "E", "SE", "S", "SW", "W", "NW"][Math.round((bearing / Math.PI) * 4 + 8) % 8];
}

/** How high a map of this width is: as high as what is near needs, within bounds. */
function mapHeight(world, width) {
  const strip = world.far.length > 0 && width >= 460 ? 136 : 0;
  const flat = world.world ? d3.geoEqualEarth() : d3.geoAzimuthalEquidistant().rotate([-world.middle[0], -world.middle[1]]);
  const [[left, top], [right, bottom]] = d3.geoPath(flat).bounds({ type: "MultiPoint", coordinates: world.near.map(lonLat) });
  const needed = ((width - strip - 48) * (bottom - top)) / Math.max(right - left, 1e-9) + 80;
  return Math.round(Math.max(240, Math.min(460, width, needed)));
}

/** Where everything stands in a drawing of this size: near things by the projection, far ones in a row or a column. */
function placed(world, width, height, size) {
  const small = size === "small";
  const below = width < 460 && !small;
  const strip = world.far.length === 0 ? 0 : below ? 18 + 22 * Math.min(world.far.length, 6) : small ? 24 : 136;
  const [edge, foot] = small ? [12, 12] : [24, 40];
  const [right, bottom] = below ? [width, height - strip] : [width - strip, height];
  const points = { type: "MultiPoint", coordinates: world.near.map(lonLat) };
  const projection = world.world
    ? d3.geoEqualEarth().fitExtent([[edge, edge], [right - edge, bottom - edge]], points)
    : d3.geoAzimuthalEquidistant().rotate([-world.middle[0], -world.middle[1]]).fitExtent([[edge, edge], [right - edge, bottom - foot]], points);
  if (world.near.length < 2) projection.scale(EARTH_KM * 40);
  const spots = { cluster: new Map(), zone: new Map() };
  for (const place of world.near) spots[place.kind ? "cluster" : "zone"].set(place.id, projection(lonLat(place)));
  world.far.slice(0, 6).forEach((place, row) => {
    spots.cluster.set(place.id, below ? [16, bottom + 24 + row * 22] : small ? [right + 12, 20 + row * 26] : [right + 20, 44 + row * 54]);
  });
  return { projection, spots, right, bottom, below, strip, far: world.far.slice(0, 6) };
}

/** The length of a scale bar, in round kilometres, and in pixels. */
function scaleBar(projection) {
  const pixels = projection.scale() / EARTH_KM;
  const wanted = 100 / pixels;
  const power = 10 ** Math.floor(Math.log10(wanted));
  const km = [5, 2, 1].map((step) => step * power).find((length) => length <= wanted) ?? power;
  return { pixels: km * pixels, label: km < 1 ? `${Math.round(km * 1000)} m` : `${km.toLocaleString("en-US")} km` };
}

/** What an hour of a course shows, by place. */
function atHour(course, hour) {
  const { ways, clusters, zones } = course.hours;
  const rows = (table, row) => d3.range(table.hour.length).filter((place) => table.hour[place] === hour).map((place) => row(table, place));
  return {
    ways: rows(ways, (table, row) => ({ zone: table.zone[row], cluster: table.cluster[row], served: table.served[row] })),
    clusters: new Map(rows(clusters, (table, row) => [table.cluster[row], { served: table.served[row], cores: table.cores[row], cost: table.cost[row] }])),
    zones: new Map(rows(zones, (table, row) => [table.zone[row], { offered: table.offered[row], served: table.served[row], kept: table.kept[row], p95: table.p95[row] }])),
  };
}
