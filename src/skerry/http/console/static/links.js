// Follows links to another window or model without leaving the page, which would forget the token.

export function watchLinks(refresh) {
  document.addEventListener("click", async (event) => {
    const link = event.target.closest("a[href]");
    const isPlain = event.button === 0
      && !(event.metaKey || event.ctrlKey || event.shiftKey || event.altKey);
    if (!link || !isPlain || !staysHere(link)) {
      return;
    }
    event.preventDefault();
    const isFar = link.closest(".windows") === null;
    history.pushState(null, "", link.href);
    await refresh();
    if (isFar) {
      scrollTo(0, 0);
      document.getElementById("main").focus({ preventScroll: true });
    }
  });
  addEventListener("popstate", refresh);
}

function staysHere(link) {
  const isSamePage = link.origin === location.origin && link.pathname === location.pathname;
  return isSamePage && link.hash === "";
}
