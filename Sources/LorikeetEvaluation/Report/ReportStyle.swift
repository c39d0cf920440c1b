// SPDX-License-Identifier: Apache-2.0

/// The style sheet of reports.
///
/// Colours are variables, set once for light and once for dark. The eight series colours keep apart
/// for readers with colour-blindness; plots also tell series apart by the shape of their points.
enum ReportStyle {
  static let sheet: Markup = """
    \(colours)
    * { box-sizing: border-box; }
    html { -webkit-text-size-adjust: 100%; }
    body {
      margin: 0 auto; padding: 2.5rem 1.25rem 4rem; max-width: 66rem; background: var(--page);
      color: var(--ink); font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans",
      "Liberation Sans", "DejaVu Sans", sans-serif;
    }
    h1 { font-size: 2rem; line-height: 1.2; margin: 0; letter-spacing: -.015em;
      text-wrap: balance; }
    h2 {
      font-size: 1.3rem; line-height: 1.3; margin: 3rem 0 .75rem; padding-top: 1rem;
      border-top: 1px solid var(--line); letter-spacing: -.01em;
    }
    h3 { font-size: 1rem; line-height: 1.4; margin: 0 0 .6rem; }
    p { margin: .75rem 0; max-width: 42rem; }
    a { color: var(--accent); text-underline-offset: .15em; }
    .subtitle { color: var(--soft); font-size: 1.1rem; margin: .5rem 0 0; text-wrap: balance; }
    nav ul { list-style: none; display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; padding: 0;
      margin: 1.5rem 0 0; font-size: .9rem; }
    figure { margin: 1.5rem 0; min-width: 0; }
    figcaption, footer { color: var(--soft); font-size: .85rem; line-height: 1.5; margin-top: .6rem;
      max-width: 42rem; }
    footer { margin-top: 4rem; border-top: 1px solid var(--line); padding-top: 1rem; }
    .group { display: grid; gap: 0 2.5rem; align-items: start;
      grid-template-columns: repeat(auto-fit, minmax(min(100%, 25rem), 1fr)); }

    .facts { display: grid; gap: .9rem 2rem; margin: 1.25rem 0;
      grid-template-columns: repeat(auto-fill, minmax(min(100%, 9rem), 1fr)); }
    .facts div { min-width: 0; }
    .facts dt, .gallery dt { color: var(--soft); font-size: .8rem; line-height: 1.4; }
    .facts dd { margin: 0; overflow-wrap: anywhere; font-variant-numeric: tabular-nums; }

    .scroll { overflow-x: auto; }
    table { border-collapse: collapse; font-size: .92rem; font-variant-numeric: tabular-nums; }
    th, td { padding: .4rem .8rem; text-align: left; vertical-align: baseline;
      border-bottom: 1px solid var(--line); }
    th:first-child, td:first-child { padding-left: .2rem; }
    thead th { color: var(--soft); font-weight: 600; font-size: .82rem; vertical-align: bottom; }
    .number { text-align: right; white-space: nowrap; }
    td small { color: var(--soft); font-size: .8em; margin-left: .45em; }
    td strong { background: var(--best); border-radius: .25rem; padding: .1rem .35rem;
      margin: 0 -.35rem; font-weight: 650; }

    .heat { border-collapse: separate; border-spacing: 2px; }
    .heat th, .heat td { border: 0; text-align: center; padding: .45rem .7rem; }
    .heat tbody th { text-align: right; font-weight: 500; white-space: nowrap; padding-left: 0;
      vertical-align: middle; }
    .heat thead th { font-weight: 500; color: var(--ink); }
    .heat thead th.axis { color: var(--soft); font-weight: 600; white-space: nowrap; }
    .heat thead tr:last-child .axis { text-align: right; padding-left: 0; }
    .heat tbody td { min-width: 4.2rem; border-radius: .25rem; vertical-align: middle;
      background: rgb(var(--heat) / calc(.04 + .86 * var(--v, -.05))); }
    .heat td small { display: block; margin: .05rem 0 0; line-height: 1.2; white-space: nowrap; }
    .heat td small { color: inherit; opacity: .85; }
    .heat td.mid { color: var(--on-mid); }
    .heat td.strong { color: var(--on-strong); }
    .heat td strong { background: none; }
    .dense { font-size: .82rem; border-spacing: 1px; }
    .dense tbody td { min-width: 2rem; padding: .3rem .25rem; }
    .dense tbody th { padding: .1rem .5rem .1rem 0; font-size: .82rem; }
    .dense thead tr:last-child th:not(.axis) { padding: .2rem 0; height: 5rem; }
    .dense thead th span { writing-mode: vertical-rl; transform: rotate(180deg);
      white-space: nowrap; max-height: 8rem; overflow: hidden; text-overflow: ellipsis; }
    .nothing { color: var(--soft); opacity: .5; }

    .plot svg { display: block; width: 100%; max-width: 31rem; height: auto; overflow: visible; }
    \(plots)
    .legend { display: flex; flex-wrap: wrap; gap: .1rem 1.25rem; padding: 0; margin: .5rem 0 0;
      list-style: none; font-size: .85rem; }
    .legend svg { display: inline-block; width: 26px; height: 12px; margin-right: .45rem; }

    .gallery { list-style: none; padding: 0; margin: 0; display: grid; gap: 1rem;
      grid-template-columns: repeat(auto-fill, minmax(min(100%, 14.5rem), 1fr)); }
    .gallery li { background: var(--card); border: 1px solid var(--line); border-radius: .5rem;
      overflow: hidden; display: flex; flex-direction: column; min-width: 0; }
    .frame { aspect-ratio: 4 / 3; background: #ffffff; display: grid; place-items: center;
      overflow: hidden; border-bottom: 1px solid var(--line); padding: .5rem; }
    .frame img { width: 100%; height: 100%; object-fit: contain; display: block; min-height: 0; }
    .frame.none { background: var(--page); color: var(--soft); font-size: .85rem; }
    .gallery .body { padding: .7rem .85rem .8rem; display: flex; flex-direction: column; flex: 1;
      font-size: .92rem; line-height: 1.45; }
    .gallery .head { display: flex; justify-content: space-between; gap: .75rem; font-size: .82rem;
      color: var(--soft); margin-bottom: .35rem; }
    .gallery .head span:first-child { overflow: hidden; text-overflow: ellipsis;
      white-space: nowrap; }
    .right, .wrong { font-weight: 600; white-space: nowrap; margin-left: auto; }
    .right { color: var(--right); }
    .wrong { color: var(--wrong); }
    .gallery dl { margin: 0; }
    .gallery dd { margin: 0 0 .45rem; overflow-wrap: anywhere; }
    .scores { margin-top: auto; padding-top: .35rem; color: var(--soft); font-size: .8rem;
      display: flex; flex-wrap: wrap; gap: 0 .9rem; font-variant-numeric: tabular-nums; }
    .scores b { color: var(--ink); font-weight: 600; }

    .patches { display: grid; gap: 1rem;
      grid-template-columns: repeat(auto-fill, minmax(min(45%, 11rem), 1fr)); }
    .patch svg { display: block; width: 100%; background: #ffffff; border-radius: .3rem; }
    .veil { fill: #15181a; fill-opacity: .8; shape-rendering: crispEdges; }
    .patch .label { font-size: .85rem; margin-top: .35rem; }

    @media (max-width: 34rem) {
      body { padding-top: 1.5rem; }
      h1 { font-size: 1.55rem; }
      th, td { padding: .35rem .55rem; }
      td.number small { display: block; margin: 0; }
      .heat tbody td { min-width: 3.4rem; padding: .4rem .35rem; }
      .dense tbody td { min-width: 1.7rem; }
    }
    @media print {
      body { max-width: none; padding: 0; }
      .gallery li, figure, tr { break-inside: avoid; }
      nav { display: none; }
    }
    """

  private static let colours: Markup = """
    :root {
      --page: #fcfbf9; --card: #ffffff; --ink: #1d1c1a; --soft: #66625c; --line: #e3dfd8;
      --grid: #ece8e1; --accent: #17635c; --right: #1a7a4c; --wrong: #b3352b; --best: #e6f1ee;
      --heat: 23 105 97; --on-mid: var(--ink); --on-strong: #ffffff;
      --s0: #1f66b1; --s1: #cf5b17; --s2: #1a8259; --s3: #8745ad; --s4: #a67a00; --s5: #c23b6d;
      --s6: #2b8ea6; --s7: #6c6963;
    }
    @media (prefers-color-scheme: dark) {
      :root {
        --page: #151617; --card: #1d1f20; --ink: #e9e6e1; --soft: #a19c95; --line: #34373a;
        --grid: #2a2d2f; --accent: #6cc7bb; --right: #62c796; --wrong: #f08a7e; --best: #1f3733;
        --heat: 94 196 182; --on-mid: #0e1615; --on-strong: #0e1615;
        --s0: #76b0f0; --s1: #f29a5c; --s2: #63c99b; --s3: #c494e6; --s4: #dcb548; --s5: #f08cb0;
        --s6: #6cc5da; --s7: #aaa69f;
      }
    }
    """

  /// The parts of plots, and the colours of series.
  private static let plots: Markup = """
    .plot text { font: 12px system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans",
      "Liberation Sans", "DejaVu Sans", sans-serif; fill: var(--soft);
      font-variant-numeric: tabular-nums; }
    .plot .axis-name { fill: var(--ink); }
    .plot .grid { stroke: var(--grid); stroke-width: 1; }
    .plot .base { stroke: var(--soft); stroke-width: 1; }
    .plot .series { fill: none; stroke: var(--c); stroke-width: 2; stroke-linejoin: round; }
    .plot .band { fill: var(--c); opacity: .14; }
    .plot .whisker { stroke: var(--c); stroke-width: 1.2; opacity: .75; }
    .plot .mark { fill: var(--c); stroke: var(--page); stroke-width: 1.5; }
    .plot text.name { fill: var(--c); font-weight: 600; }
    .plot text.tag { font-size: 11px; }
    .plot .leader { stroke: var(--c); stroke-width: 1; opacity: .5; }
    .c0 { --c: var(--s0); } .c1 { --c: var(--s1); } .c2 { --c: var(--s2); } .c3 { --c: var(--s3); }
    .c4 { --c: var(--s4); } .c5 { --c: var(--s5); } .c6 { --c: var(--s6); } .c7 { --c: var(--s7); }
    """

  /// The style sheet of a plot that stands alone.
  static let plotSheet: Markup = "\(colours)\n\(plots)"
}
