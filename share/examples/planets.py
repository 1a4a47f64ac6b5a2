# planets.py - a small data job: densities by kind, and Kepler's third law, from planets.csv.
# The file is looked for in DATA_DIR:  execmgr-up --ro "$PWD/share/examples" --env DATA_DIR="$PWD/share/examples"
import csv
import math
import os
import statistics

with open(os.path.join(os.environ.get("DATA_DIR", "."), "planets.csv"), newline="") as f:
    planets = [
        {key: value if key in ("name", "kind") else float(value) for key, value in row.items()}
        for row in csv.DictReader(f)
    ]

for p in planets:
    radius_m = p["diameter_km"] * 1000 / 2
    p["density"] = p["mass_1e24kg"] * 1e24 / (4 / 3 * math.pi * radius_m**3)    # kg/m³
    p["kepler"] = p["period_days"] ** 2 / p["distance_1e6km"] ** 3              # the same for all, says Kepler

print(f"{len(planets)} bodies")
print(f"{'kind':<6} {'n':>2} {'mean density kg/m³':>19}")
for kind in sorted({p["kind"] for p in planets}):
    density = [p["density"] for p in planets if p["kind"] == kind]
    print(f"{kind:<6} {len(density):>2} {statistics.mean(density):>19.0f}")

kepler = [p["kepler"] for p in planets]
spread = statistics.stdev(kepler) / statistics.mean(kepler)
print(f"period² / distance³: {statistics.mean(kepler):.5f}, the same for all within {spread:.1%}")
