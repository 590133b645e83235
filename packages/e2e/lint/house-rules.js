/** House rules of docs/architecture.md that only a linter can hold. Plain JavaScript: oxlint loads it as it is. */

const isMember = (node, object, property) =>
  node.type === "MemberExpression" &&
  !node.computed &&
  node.object.type === "Identifier" &&
  node.object.name === object &&
  node.property.name === property;

const AMBIENT_CALLS = [
  ["Date", "now"],
  ["Math", "random"],
  ["crypto", "randomUUID"],
  ["crypto", "getRandomValues"],
  ["performance", "now"],
];

const noAmbient = {
  create: (context) => ({
    CallExpression(node) {
      const found = AMBIENT_CALLS.find(([object, property]) => isMember(node.callee, object, property));
      if (found) {
        context.report({
          node,
          message: `${found.join(".")}() in a pure module: take now, ids or bytes as an argument`,
        });
      }
      if (node.callee.type === "Identifier" && node.callee.name === "fetch") {
        context.report({ node, message: "fetch() in a pure module: take a fetch as an argument" });
      }
    },
    NewExpression(node) {
      if (node.callee.type === "Identifier" && node.callee.name === "Date" && node.arguments.length === 0) {
        context.report({ node, message: "new Date() in a pure module: take now as an argument" });
      }
    },
  }),
};

const FLOAT_NAMES = new Set(["parseFloat", "parseInt", "toFixed", "toPrecision", "round", "floor", "ceil", "trunc"]);

const isNumber = (node) => node.type === "Literal" && typeof node.value === "number";

/** Milliseconds, by the unit in the name, and seconds made of them: a time is no money. */
const isTime = (node) =>
  (node.type === "BinaryExpression" && node.operator === "/" && isTime(node.left)) ||
  ((node.type === "MemberExpression" ? node.property.name : node.name)?.endsWith("Ms") ?? false);

const noFloat = {
  create: (context) => ({
    CallExpression(node) {
      const name = node.callee.type === "Identifier" ? node.callee.name : node.callee.property?.name;
      const isFloat = FLOAT_NAMES.has(name) || (node.callee.type === "Identifier" && name === "Number");
      if (isFloat && !node.arguments.every(isTime)) {
        context.report({ node, message: `${name}() near quantities or money: bigint only` });
      }
      if (node.arguments.some((each) => each.type === "Identifier" && each.name === "Number")) {
        context.report({ node, message: "Number handed on near quantities or money: bigint only" });
      }
    },
    UnaryExpression(node) {
      if (node.operator === "+" && !isNumber(node.argument)) {
        context.report({ node, message: "Unary plus makes a number of it: bigint only near quantities or money" });
      }
    },
    BinaryExpression(node) {
      if (node.operator === "/" && (isNumber(node.left) || isNumber(node.right)) && !isTime(node)) {
        context.report({ node, message: "Division of numbers near quantities or money: bigint only" });
      }
    },
    Literal(node) {
      if (typeof node.value === "number" && !Number.isInteger(node.value)) {
        context.report({
          node,
          message: "A fraction as a number near quantities or money: use decimal text and bigint",
        });
      }
    },
  }),
};

const BINDINGS = new Set(["DB", "BUCKET", "USAGE_BUFFER"]);

const bindingsInStore = {
  create: (context) => ({
    MemberExpression(node) {
      const owner = node.object.type === "Identifier" ? node.object.name : node.object.property?.name;
      if (owner === "env" && !node.computed && BINDINGS.has(node.property.name)) {
        context.report({
          node,
          message: `env.${node.property.name} outside store and deps files: storage is confined there`,
        });
      }
    },
  }),
};

export default {
  meta: { name: "house" },
  rules: { "no-ambient": noAmbient, "no-float": noFloat, "bindings-in-store": bindingsInStore },
};
