// The pages, in the order of the navigation. Each is views/NAME/NAME.js, whose default export shows it:
// show(root, asked) builds it inside `root`, and may return a function that is called when it is left.
export const PAGES = [
  { name: "home", title: "Home" },
  { name: "pictures", title: "Pictures" },
  { name: "train", title: "Train" },
  { name: "steer", title: "Steer" },
  { name: "draw", title: "Draw" },
  { name: "compare", title: "Compare" },
  { name: "swap", title: "Swap" },
  { name: "learn", title: "Learn" },
];
