// Where a shown picture can be sent on to: buttons for <picture-view>, by the page that takes it.
const PLACES = [
  { page: "steer", label: "Use as start", address: (ticket) => `#/steer?start=${ticket}` },
  { page: "draw", label: "Translate", address: (ticket) => `#/draw?photo=${ticket}` },
];

// The actions of a picture, without those that lead to the page `except`.
export const sendActions = (except = "") =>
  PLACES.filter(({ page }) => page !== except).map(({ label, address }) => ({
    label,
    act: ({ ticket }) => {
      location.hash = address(encodeURIComponent(ticket));
    },
  }));
