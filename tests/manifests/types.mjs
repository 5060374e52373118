// Holds objects against the types and schemas of @kubernetes-models.
//
//     node types.mjs HOME <objects.json >complaints.json
//
// HOME is the folder with node_modules. Each package has two things for a kind: a compiled JSON schema, which knows
// required fields, words and patterns but lets fields pass that it does not know; and a TypeScript type, which knows
// all fields. An object must satisfy both. Validation rules in CEL are in neither, and are not checked.
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const packages = {
  "argoproj.io": "@kubernetes-models/argo-cd",
  "bitnami.com": "@kubernetes-models/sealed-secrets",
  "cilium.io": "@kubernetes-models/cilium",
  "external-secrets.io": "@kubernetes-models/external-secrets",
  "gateway.networking.k8s.io": "@kubernetes-models/gateway-api",
  "helm.toolkit.fluxcd.io": "@kubernetes-models/flux-cd",
  "kustomize.toolkit.fluxcd.io": "@kubernetes-models/flux-cd",
  "networking.istio.io": "@kubernetes-models/istio",
  "notification.toolkit.fluxcd.io": "@kubernetes-models/flux-cd",
  "security.istio.io": "@kubernetes-models/istio",
  "source.toolkit.fluxcd.io": "@kubernetes-models/flux-cd",
};

const home = process.argv[2];
const objects = JSON.parse(readFileSync(0, "utf8"));
const ts = createRequire(join(home, "package.json"))("typescript");

/** Where the files of a kind are, without their endings; nothing where no package holds it. */
function place({ apiVersion, kind }) {
  const [group, version] = apiVersion.split("/");
  if (!(group in packages) || !/^[A-Za-z0-9]+$/.test(kind) || !/^[a-z0-9]+$/.test(version)) return undefined;
  const stem = join(home, "node_modules", packages[group], group, version, kind);
  return existsSync(`${stem}.d.ts`) && existsSync(`${stem}.js`) ? stem : undefined;
}

const stems = [...new Set(objects.map(place).filter(Boolean))];
const program = ts.createProgram(
  stems.map((stem) => `${stem}.d.ts`),
  { noEmit: true, strict: true, skipLibCheck: true, types: [], module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler, target: ts.ScriptTarget.ES2022 },
);
const checker = program.getTypeChecker();

/** The type of a kind, as its package declares it. */
function declared(stem, kind) {
  const file = checker.getSymbolAtLocation(program.getSourceFile(`${stem}.d.ts`));
  const symbol = checker.getExportsOfModule(file).find((one) => one.name === `I${kind}`);
  return checker.getDeclaredTypeOfSymbol(symbol);
}

/** Values of this type may hold anything: the package writes an empty interface for any JSON. */
function open(type) {
  return (type.flags & (ts.TypeFlags.Any | ts.TypeFlags.Unknown)) !== 0 || /V1JSON$|^IJSON$|^JSON$|^IRawExtension$|^RawExtension$/.test(name(type));
}

function name(type) {
  return (type.aliasSymbol ?? type.symbol)?.name ?? "";
}

/** All fields of a value that its type does not know. */
function strangers(value, type, path) {
  if (value === null || typeof value !== "object" || open(type)) return [];
  const plain = checker.getNonNullableType(type);
  const ways = plain.isUnion() ? plain.types : [plain];
  if (ways.some(open)) return [];
  if (Array.isArray(value)) {
    const item = ways.map((way) => checker.getIndexTypeOfType(way, ts.IndexKind.Number)).find(Boolean);
    if (!item) return [`${path}: a list where the type has none`];
    return value.flatMap((one, place) => strangers(one, item, `${path}[${place}]`));
  }
  return Object.entries(value).flatMap(([key, one]) => {
    const found = ways.map((way) => field(way, key)).find(Boolean);
    return found ? strangers(one, found, `${path}.${key}`) : [`${path}.${key}: there is no such field`];
  });
}

function field(type, key) {
  const primitive = ts.TypeFlags.StringLike | ts.TypeFlags.NumberLike | ts.TypeFlags.BooleanLike;
  if (type.flags & primitive) return undefined;
  const property = checker.getPropertyOfType(type, key);
  if (property && property.flags & ts.SymbolFlags.Property) return checker.getTypeOfSymbol(property);
  return checker.getIndexTypeOfType(type, ts.IndexKind.String);
}

/** What the compiled schema has to say. */
async function faults(stem, kind, object) {
  const { [kind]: Model } = await import(pathToFileURL(`${stem}.js`));
  try {
    new Model(object).validate();
    return [];
  } catch (error) {
    if (!Array.isArray(error.ajv?.errors ?? error.errors)) throw error;
    return error.message.split(", data").map((text) => text.replace(/^(data)?\/?/, ".").replaceAll("/", "."));
  }
}

const answers = [];
for (const object of objects) {
  const stem = place(object);
  if (!stem) {
    answers.push(null);
    continue;
  }
  const said = [...strangers(object, declared(stem, object.kind), ""), ...(await faults(stem, object.kind, object))];
  answers.push([...new Set(said)]);
}
process.stdout.write(JSON.stringify(answers));
